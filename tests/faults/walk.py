"""Changes an observatory at random, and compares its sites.

    PYTHONPATH=. python tests/faults/walk.py SEED STEPS
    PYTHONPATH=. python tests/faults/walk.py SEED STEPS --folder FOLDER     # resumable
    PYTHONPATH=. python tests/faults/walk.py SEED STEPS --old ../0.1        # upgraded on the way

A step is one to three changes of files, settings or the clock, or an accident (a killed run, a
damaged or restored page), and then a run. Two sites share input and store. After each step, both
equal a site that is published from scratch from that store.

After each third step and a run with `--full`, each night's files and numbers equal those of a store
that is collected from scratch, apart from history: files that are not on disk any more, and what
only an earlier run could see (`HISTORY`, `KEPT`). Pages of a stream's earlier name are not
compared.

A page whose tables were pruned can never be made again. It must stay byte by byte, unless this step
damaged, restored or pruned it. If an output has a small page instead, that is compared.

The steps of a walk depend on its seed alone, but kills come at any moment. With `--folder`, a walk
that was stopped continues at its last whole step.
"""

import argparse
import contextlib
import csv
import datetime
import io
import json
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "support"), str(TESTS.parent / "examples")]

from running import run, start  # noqa: E402 - found by the path above
from support.last_pages import LastPages, is_small, is_whole, nights_of_last_pages  # noqa: E402
from support.site_contents import differences, shown, site_of  # noqa: E402
from support.walked import NIGHTS, World  # noqa: E402

DAYS = ("--first_day", NIGHTS[0], "--last_day", NIGHTS[-1], "--jobs", 1)
STREAMS = ("auxTel", "camera", "weather")
# columns of a night's CSV that say what an earlier run saw
HISTORY = ("transferred_at",)
# columns that stay as an earlier run found them if no source says them any more
KEPT = ("obsid", "exposure", "seq_num", "detector")
GONE = "gone"
OUTPUTS = ("site", "other")  # they share a store
OF_SETTINGS = ("do_change_setting", "do_rename_stream")
OLD_STEPS = 3  # with the earlier version
FULL_EVERY = 3  # steps
NOON, DAY = datetime.timedelta(hours=12), datetime.timedelta(days=1)
MAX_TOLD = 8  # lines of one step


class Walk:
    """A walk, and what it found.

    Parameters
    ----------
    folder : Path
    seed : int
    old : Path, optional
        A checkout of an earlier version, whose runs come first.
    """

    def __init__(self, folder, seed, old=None):
        self.folder, self.random, self.old = Path(folder), random.Random(seed), old
        self.world = World(self.folder, self.random)
        self.n_steps = 0
        self.report = []  # the actions of the last step
        self.last_pages = LastPages(self.folder, OUTPUTS)
        if old:
            self._walk_old()
        self._run("site")
        self._run("other", store="site")

    # --- runs ------------------------------------------------------------------------------------

    def _run(self, output, *arguments, command="run", store=""):
        """Run the program."""
        path = self.world.write_settings(output, output, store)
        code = run(command, "-c", path, *DAYS, *arguments, now=self.world.now)
        assert code in (0, 1), f"{command}: exit {code} after {self.report}"

    def _start(self, output, *arguments):
        path = self.world.write_settings(output, output)
        return start("run", "-c", path, *DAYS, *arguments, now=self.world.now)

    def _walk_old(self):
        """Make the site with an earlier version, in a few steps."""
        self._run_old()
        # a corrected setting did not correct the tables of version 0.1: files alone change
        names = [name for name in self.world.actions() if name not in OF_SETTINGS]
        for _ in range(OLD_STEPS):
            getattr(self.world, self.random.choice(names))()
            self._run_old()

    def _run_old(self):
        path = self.world.write_settings("site", "site")
        words = ("run", "-c", path, *DAYS)
        options = {"cwd": self.old, "env": _environment(self.old)}
        with _killed_at_last(start(*words, now=self.world.now, **options)) as process:
            output = process.communicate()
        assert process.returncode in (0, 1), output

    def do_kill(self):
        """Kill a run at a random moment."""
        with _killed_at_last(self._start("site")):
            time.sleep(self.random.random() * 0.9)
        return "killed a run"

    def do_partial(self):
        """Run for one night, or collect or publish alone."""
        kind = self.random.choice(("night", "collect", "publish", "full", "rebuild"))
        if kind == "night":
            night = self.random.choice(NIGHTS)
            path = self.world.write_settings("site", "site")
            days = ("--first_day", night, "--last_day", night)
            run("run", "-c", path, *days, "--jobs", 1, now=self.world.now)
        elif kind == "full":
            self._run("site", "--full")
        else:
            self._run("site", command=kind)
        return f"run: {kind}"

    def do_other(self):
        """Run for the other output."""
        self._run("other", store="site")
        return "run: other output"

    def do_prune(self):
        """Prune pages or tables, or make pruned pages again."""
        kind = self.random.choice(("pages", "pages", "pages again", "previews", "tables"))
        night = NIGHTS[0] if kind == "tables" else self.random.choice(NIGHTS[:2])
        if kind == "pages again":
            night = NIGHTS[0] - datetime.timedelta(days=1)
        age = ((self.world.now - NOON).date() - night).days
        path = self.world.write_settings("site", "site")
        option = f"--keep_{kind.split()[0]}_days"
        with contextlib.redirect_stdout(io.StringIO()):
            code = run("prune", "--yes", "-c", path, option, age, now=self.world.now)
        assert code == 0, f"prune: exit {code}"
        last = night + DAY  # a stream's night may have begun before
        if kind.startswith("pages"):
            self.last_pages.may_change(last_night=f"{last}")
        if kind == "tables":
            assert all(pruned <= f"{last}" for _, pruned in self._of_last_pages()), "too many"
        return f"pruned {kind} up to {night}"

    def do_new_output(self):
        """Remove the other output: the next run makes it anew."""
        shutil.rmtree(self.folder / "other", ignore_errors=True)
        self.last_pages.may_change("other")
        return "removed the other output"

    # --- accidents on disk -----------------------------------------------------------------------

    def _pages(self):
        site = self.folder / "site"
        return sorted(path for path in site.rglob("*.html") if "assets" not in path.parts)

    def do_damage(self):
        """Cut, empty, edit or remove a page."""
        path = self.random.choice(self._pages())
        kind = self.random.choice(("cut", "emptied", "edited", "removed"))
        data = path.read_bytes()
        if kind == "removed":
            path.unlink()
        else:
            texts = {"cut": data[: len(data) // 2], "emptied": b"", "edited": data + b" "}
            path.write_bytes(texts[kind])
        self.last_pages.may_change("site", f"{path.relative_to(self.folder / 'site')}")
        return f"{kind} {path.relative_to(self.folder)}"

    def do_restore(self):
        """Put an earlier copy of the pages back, or make one."""
        kept = self.folder / "kept"
        if not kept.exists():
            shutil.copytree(self.folder / "site", kept)
            return "kept a copy of the pages"
        shutil.rmtree(self.folder / "site")
        kept.rename(self.folder / "site")
        self.last_pages.may_change("site")
        return "restored an earlier copy of the pages"

    # --- steps -----------------------------------------------------------------------------------

    def step(self):
        """Do a few actions and a run; return the faults."""
        self.n_steps += 1
        self.report = []
        own = sorted(name for name in dir(self) if name.startswith("do_"))
        actions = [(self.world, name) for name in self.world.actions()] * 2
        actions += [(self, name) for name in own]
        for _ in range(self.random.randint(1, 3)):
            owner, name = self.random.choice(actions)
            if words := getattr(owner, name)():
                self.report.append(words)
        self._run("site")
        self._run("other", store="site")
        found = self._stale()
        if self.n_steps % FULL_EVERY == 0:
            self._run("site", "--full")  # finds what was changed in place
            self._run("other", store="site")
            found += [*self._stale(), *self._wrong()]
        found += self.last_pages.faults()
        self.last_pages.note(self._of_last_pages())
        return found

    def _of_last_pages(self):
        return nights_of_last_pages(self.folder / "site.store")

    def _stale(self):
        """Return how both sites differ from one made anew."""
        fresh = self.folder / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        self._run("fresh", command="publish", store="site")
        expected = shown(site_of(fresh))
        faults = []
        for output in OUTPUTS:
            site, whole = self.folder / output, self._last_pages_of(output)
            faults += [
                f"{output}: {line}"
                for line in differences(shown(site_of(site)), expected)
                if not self._is_left(line.partition(":")[0], whole)
            ]
        return faults

    def _last_pages_of(self, output):
        """Return how the files of an output's last pages begin."""
        return tuple(
            f"{stream}/{night}"
            for stream, night in self._of_last_pages()
            if is_whole(self.folder / output / stream / f"{night}.html")
        )

    def _is_left(self, path, whole):
        """True if a file that differs stays as it is on purpose.

        Such are files of streams with another name now, those of a page that nothing can make
        again, and the earlier version's assets, which stay for a day.
        """
        folder = path.rpartition("/")[0]
        return (
            folder in self.world.named
            or (bool(self.old) and folder == "assets")
            or path.startswith(whole)
        )

    def _wrong(self):
        """Return how the tables differ from those of a new store."""
        for name in ("scratch", "scratch.store"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self._run("scratch")
        faults = []
        for stream in STREAMS:
            for night in NIGHTS:
                page = self.folder / "fresh" / self.world.name_of(stream) / f"{night}.html"
                if is_small(page):
                    continue
                on_disk = {path.name for path in self.world.files(stream, night)}
                kept, made = (
                    _facts(self.folder / output / self.world.name_of(stream) / f"{night}", on_disk)
                    for output in ("fresh", "scratch")
                )
                faults += [f"{stream} {night}: {line}" for line in _compared(kept, made)]
        return faults


def _facts(path, on_disk):
    """Return a night's files on disk by path, and its numbers."""
    rows = {}
    table = path.with_suffix(".csv")
    if table.exists():
        with open(table, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["file_class"] != GONE and Path(row["path"]).name in on_disk:
                    rows[row["path"]] = _of_now(row)
    data = path.with_suffix(".json")
    numbers = json.loads(data.read_text())["metrics"] if data.exists() else []
    return rows, numbers


def _of_now(row):
    """Return a file's row without what an earlier run saw.

    The reason may say since when the file is there.
    """
    at = row["transferred_at"][:19].replace("T", " ")
    reason = row["reason"].replace(f"since {at} UTC", "since then") if at else ""
    return {
        **{name: row[name] for name in row if name not in HISTORY},
        "reason": reason or row["reason"],
    }


def _compared(kept, made):
    """Yield each difference of two results of `_facts`."""
    for key in sorted({*kept[0], *made[0]}):
        mine, other = kept[0].get(key), made[0].get(key)
        if mine is None or other is None:
            yield f"{key}: is {'missing' if mine is None else 'left over'}"
        elif mine != other:
            names = [
                name
                for name in other
                if mine.get(name) != other[name] and not (name in KEPT and not other[name])
            ]
            if names:
                yield f"{key}: " + ", ".join(
                    f"{name} is {mine.get(name)!r}, should be {other[name]!r}" for name in names
                )
    # numbers of a source that was renamed stay under its old name
    sources = {row["source"] for row in made[1]}
    numbers = [row for row in kept[1] if row["source"] in sources]
    if sources and numbers != made[1]:
        yield f"numbers: {numbers}, should be {made[1]}"


@contextlib.contextmanager
def _killed_at_last(process):
    """Kill a process at the end, and wait for it."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def _environment(checkout):
    return {**os.environ, "PYTHONPATH": str(checkout)}


def walk(seed, n_steps, folder, old=None, tell=print):
    """Walk until `n_steps`; return the faults.

    The state is kept in `folder`, where a stopped walk continues.
    """
    folder = Path(folder)
    state = folder / "walk.pickle"
    if state.exists():
        walked, faults = pickle.loads(state.read_bytes())
    else:
        walked, faults = Walk(folder, seed, old), []
    while walked.n_steps < n_steps:
        found = walked.step()
        if found:
            faults.append((walked.n_steps, list(walked.report), found))
            tell(
                f"step {walked.n_steps}: {'; '.join(walked.report)}", *found[:MAX_TOLD], sep="\n  "
            )
        if walked.n_steps % 10 == 0:
            tell(f"seed {seed}: {walked.n_steps} steps, {len(faults)} with faults")
        unfinished = state.with_suffix(".new")
        unfinished.write_bytes(pickle.dumps((walked, faults)))
        unfinished.replace(state)
    return faults


def main():
    """Walk as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--folder", type=Path, help="keep the walk here, and continue it")
    parser.add_argument("--old", type=Path, help="a checkout of an earlier version")
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        return len(walk(options.seed, options.steps, options.folder, options.old))
    with tempfile.TemporaryDirectory(prefix="obsmon_walk_") as folder:
        return len(walk(options.seed, options.steps, folder, options.old))


if __name__ == "__main__":
    sys.exit(bool(main()))
