"""Metrics in Prometheus' text format, as the node exporter's collector reads it."""

from __future__ import annotations

import re

from clmdeploy.backups.metrics import Family, Measures, exposition, families_of
from clmdeploy.backups.run_ledger import Run, RunLedger

SAMPLE = re.compile(r'[a-z_]+\{([a-z]+="[^"\n]*",?)+\} -?[0-9.e+]+')
DONE = RunLedger(job="verify").begun(Run(id="a", started=100.0)).over("a", 160.25, "done", 0)
KILLED = RunLedger(job="expire").begun(Run(id="b", started=200.0)).over("b", 230.0, "killed", None)


NOTHING = Measures()


def told(measures: Measures = NOTHING) -> str:
    return exposition(families_of("lab", [DONE, KILLED], measures))


def test_every_family_is_described_once_and_its_samples_follow() -> None:
    """A second HELP or TYPE of one family makes the collector refuse the file."""
    lines = told(Measures(points=3, newest=5.5, bytes=10, oldest_unverified=0.0, wal_lag=2.0)).splitlines()
    described = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described)) == 12
    assert [line.split()[2] for line in lines if line.startswith("# HELP")] == described
    family = ""
    for line in lines:
        if line.startswith("#"):
            family = line.split()[2]
        else:
            assert line.partition("{")[0] == family


def test_no_sample_has_a_timestamp() -> None:
    """One would make the collector skip the whole file."""
    samples = [line for line in told(Measures(points=1)).splitlines() if not line.startswith("#")]
    assert samples
    assert [line for line in samples if SAMPLE.fullmatch(line) is None] == []


def test_a_killed_run_is_no_good_one() -> None:
    """It could not say an exit code: 1 stands for that."""
    lines = told().splitlines()
    assert 'clm_schedule_last_result{environment="lab",job="expire"} 0' in lines
    assert 'clm_schedule_last_exit_code{environment="lab",job="expire"} 1' in lines
    assert 'clm_schedule_last_result{environment="lab",job="verify"} 1' in lines
    assert 'clm_schedule_last_duration_seconds{environment="lab",job="verify"} 60.25' in lines
    assert not any("last_success" in line and "expire" in line for line in lines)


def test_what_is_not_known_is_left_out() -> None:
    """A zero would be an answer."""
    assert "clm_backup_" not in told()
    assert 'clm_backup_wal_lag_seconds{environment="lab"} 0' in told(Measures(wal_lag=0.0))


def test_labels_are_escaped() -> None:
    """As the format says: backslash, quote, line feed."""
    text = exposition([Family("a", "b\\c\nd", [({"x": 'q"\\\n'}, 1.0)])])
    assert text == '# HELP a b\\\\c\\nd\n# TYPE a gauge\na{x="q\\"\\\\\\n"} 1\n'
