"""What the contract asks of the pixels: 64 of them, each a shade of grey from 0 to 16."""


def pixels_are_shades(rows):
    pixels = rows.filter(regex=r"^pixel_\d_\d$")
    if pixels.shape[1] != 64:
        return False, f"{pixels.shape[1]} columns are named pixel_R_C; there should be 64"
    return pixels.isin(range(17)).all(axis="columns")
