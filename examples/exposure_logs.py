"""The logs and quick analyses of the example's exposures, by instrument.

    night_log/YYYYMMDD.csv          the auxiliary telescope's: also images that never arrived
    comCam/consdb.sqlite3           a database of exposures, and of what is measured in them
    quicklook/YYYYMMDD.csv          the survey camera's exposures, with what is measured in them
    guiding/YYYYMMDD.csv            what is measured in the guide camera's

An exposure is in its log when it has ended, and is measured soon after.
"""

import contextlib
import csv
import datetime
import io
import sqlite3

import cameras
import gen3
import guider
from common import write_whole
from conditions import CLOSED_NIGHT
from instruments import COMCAM, LATISS, LSSTCAM
from observing_plan import plan_night

MEASURED_AFTER = datetime.timedelta(seconds=20)
CONSDB = """
create table exposure (
    exposure_id integer primary key, exposure_name text, day_obs text not null, seq_num integer,
    obs_start text not null,
    exp_time real, img_type text, target_name text, science_program text, physical_filter text,
    band text, s_ra real, s_dec real, altitude real, azimuth real, airmass real,
    sky_rotation real, can_see_sky integer
);
create index exposure_day on exposure (day_obs);
create table visit1_quicklook (
    visit_id integer primary key, psf_fwhm real, zero_point real, sky_mag real
);
"""


def make_logs(folder, clock):
    """Write what is due of all logs."""
    for night, number in clock.nights(clock.site.rule):
        if number % 10 != CLOSED_NIGHT:
            shots = due(plan_night(LATISS, clock.site, night, number, clock.seed), clock)
            lost = cameras.INCIDENTS.get(number % 10, {}).get("auxTel", {}).get("never", ())
            rows = [log_row("AT_O", night, shot, shot.seq_num not in lost) for shot in shots]
            write_table(folder / "night_log", night, rows)
        guided = [frame.shot for frame in guider.plan_frames(clock.site, night, number, clock.seed)]
        rows = [guiding_row(night, shot) for shot in measured(guided, clock)]
        write_table(folder / "guiding", night, rows)
    for night, number in clock.nights(clock.site.tai_rule, gen3.STARTS_AFTER):
        shots = measured(plan_night(LSSTCAM, clock.site, night, number, clock.seed), clock)
        lost = gen3.INCIDENTS.get(number % 10, {}).get("never", ())
        rows = [log_row("MC_O", night, shot) for shot in shots if shot.seq_num not in lost]
        write_table(folder / "quicklook", night, rows)
    write_consdb(folder / "comCam" / "consdb.sqlite3", clock)


def due(shots, clock, after=datetime.timedelta()):
    """Return the exposures that are over."""
    return [shot for shot in shots if shot.ended_at + after <= clock.until]


def measured(shots, clock):
    """Return the exposures in which something was measured."""
    return [shot for shot in due(shots, clock, MEASURED_AFTER) if shot.seeing is not None]


def number_of(night, shot):
    """Return an exposure's number."""
    return int(f"{night:%Y%m%d}{shot.seq_num:05d}")


def write_table(folder, night, rows):
    """Write a night's rows as CSV, if there are any."""
    if rows:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(folder / f"{night:%Y%m%d}.csv", text.getvalue().encode())


def log_row(camera, night, shot, is_measured=True):
    """Return a row of a log; without an image, nothing was measured."""
    return {
        "exposure": number_of(night, shot),
        "obsid": f"{camera}_{night:%Y%m%d}_{shot.seq_num:06d}",
        "seq_num": shot.seq_num,
        "time": f"{shot.started_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3],
        "exposure_time": shot.exposure_s,
        "type": shot.kind,
        "target": shot.target,
        "program": shot.program,
        "filter": shot.filter,
        "ra": shot.ra_deg,
        "dec": shot.dec_deg,
        "altitude": shot.altitude_deg,
        "azimuth": shot.azimuth_deg,
        "airmass": shot.airmass,
        "comment": shot.comment,
        "fwhm": shot.seeing if is_measured else None,
        "zero_point": shot.zero_point if is_measured else None,
        "sky": shot.sky if is_measured else None,
    }


def guiding_row(night, shot):
    """Return a row of what is measured in a guide exposure."""
    return {
        "image": guider.obsid_of(night, shot),
        "time": f"{shot.started_at:%Y-%m-%dT%H:%M:%S.%f}"[:-3],
        "fwhm": shot.seeing,
        "rms": round(0.05 + 0.04 * (shot.seeing - 0.5) + 0.02 * (shot.airmass - 1), 3),
    }


def write_consdb(path, clock):
    """Add the exposures and measurements since the last run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("pragma synchronous = off")
        if is_new:
            connection.executescript(CONSDB)
        for night, number in clock.nights(clock.site.rule):
            if number % 10 == CLOSED_NIGHT:
                continue
            shots = plan_night(COMCAM, clock.site, night, number, clock.seed)
            rows = [consdb_row(night, shot) for shot in due(shots, clock)]
            connection.executemany(
                f"insert or ignore into exposure values ({', '.join('?' * 18)})", rows
            )
            numbers = [
                (number_of(night, shot), shot.seeing, shot.zero_point, shot.sky)
                for shot in measured(shots, clock)
            ]
            connection.executemany(
                "insert or ignore into visit1_quicklook values (?, ?, ?, ?)", numbers
            )


def consdb_row(night, shot):
    """Return an exposure's row in the database."""
    return (
        *(number_of(night, shot), f"CC_O_{night:%Y%m%d}_{shot.seq_num:06d}", night.isoformat()),
        *(shot.seq_num, f"{shot.started_at:%Y-%m-%d %H:%M:%S.%f}"),
        *(shot.exposure_s, shot.kind, shot.target or None, shot.program, shot.filter, shot.band),
        *(shot.ra_deg, shot.dec_deg, shot.altitude_deg, shot.azimuth_deg, shot.airmass),
        *(shot.rotation_deg, shot.can_see_sky),
    )
