"""What can go wrong with artifacts, as errors a user can act on.

StorageError
└── ArtifactError        code "artifact"
    ├── ArtifactMissing, ArtifactDamaged, ArtifactUnreadable, WrongKind, TargetExists
    └── NotObserved · StoreUnwritable (no room, no right) ── StoreUnreachable, StoreRefused (of a store elsewhere)
InputError: CodecUnknown · CodecMissing · NotStorable      StateError: CodecUnsafe
"""

from __future__ import annotations

from tidemill.core.errors import InputError, StateError, StorageError


class ArtifactError(StorageError):
    """The artifact store did not do what was asked."""

    code = "artifact"


class ArtifactMissing(ArtifactError):
    """Content that a record names is not in the store."""

    code = "artifact-missing"


class ArtifactDamaged(ArtifactError):
    """Stored bytes are not those that were put there."""

    code = "artifact-damaged"


class ArtifactUnreadable(ArtifactError):
    """The bytes are whole, but their codec cannot turn them into a value."""

    code = "artifact-unreadable"


class NotObserved(ArtifactError):
    """Nothing tells what version of a URI this is: what hangs on it is computed anew."""

    code = "artifact-not-observed"


class StoreUnwritable(ArtifactError):
    """The place does not take the bytes: there is no room, or it may not be written to. Nothing was half kept."""

    code = "artifact-store-unwritable"


class StoreUnreachable(StoreUnwritable):
    """A remote store does not answer: it is worth trying again, once the network or the service is back."""

    code = "artifact-store-unreachable"


class StoreRefused(StoreUnwritable):
    """A remote store answers and says no: its bucket is not there, or these credentials may not use it."""

    code = "artifact-store-refused"


class WrongKind(ArtifactError):
    """A file was asked for where the content is a folder, or the other way round."""

    code = "artifact-wrong-kind"


class TargetExists(ArtifactError):
    """Something is already at the place where content should be written."""

    code = "artifact-target-exists"


class CodecUnknown(InputError):
    """No codec has that name."""

    code = "codec-unknown"


class CodecMissing(InputError):
    """The library that a codec needs is not installed."""

    code = "codec-missing"


class CodecUnsafe(StateError):
    """Loading would run code from the artifact, and the caller did not allow that."""

    code = "codec-unsafe"


class NotStorable(InputError):
    """The value cannot be kept as an artifact."""

    code = "not-storable"
