"""The command line of one stream, without a settings file."""


def arguments(folder, first, last=None, output="site"):
    """Return the arguments of a run over `folder`/input.

    The output is below the folder too.
    """
    places = ("--input_dir", folder / "input", "--output_dir", folder / output)
    return (*places, "--first_day", first, "--last_day", last or first)
