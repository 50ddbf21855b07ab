"""What a command mirrors at its end if the setting `mlflow_uri` asks for it; a server that is away is one line more."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tidemill.app import App
from tidemill.cli.looks import printable


def mirror_after(app: App, runs: Sequence[str] = (), models: Sequence[str] = ()) -> None:
    """Mirror runs with what they registered, and models; one line on standard error if that does not succeed."""
    if not app.settings.mlflow_uri:
        return
    # What speaks HTTP is not loaded for those who do not.
    from tidemill.actions.mirror import mirror_by_itself

    try:
        trouble = mirror_by_itself(app, runs, models)
    except KeyboardInterrupt:
        trouble = "not all is mirrored to MLflow: interrupted; `tidemill mlflow sync` goes on"
    if trouble:
        click.echo(f"warning: {printable(trouble)}", err=True)
