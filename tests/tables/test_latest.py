"""The latest values and images of metrics."""

from night_tables import HOUR, NOW, metrics

from observing_monitor.tables import latest


def test_latest_values():
    """The latest value of each source, name and node is listed."""
    m = {"name": "m", "node": "n2"}
    told = metrics(
        {"name": "m", "node": "n10", "value": 1.0},
        {**m, "value": 2.0},
        {**m, "value": 3.0, "unit": "s"},
        {**m, "value": 4.0, "source": "a"},
        {"name": "l", "node": None, "text": "word", "sampled_at": None},
        {"name": "i", "unit": "image/png", "text": "data:"},
        {"name": "t", "unit": "text/plain", "text": "names"},
        {"name": "k", "unit": "my image/x"},
    )
    nothing = {"text": "", "unit": "", "value": None, "sampled_at": NOW, "source": "q", "node": ""}
    assert latest.latest_metrics(told) == [
        {**nothing, "name": "k", "unit": "my image/x"},
        {**nothing, "name": "l", "text": "word", "sampled_at": None},
        {**nothing, **m, "value": 4.0, "source": "a"},
        {**nothing, **m, "value": 3.0, "unit": "s"},
        {**nothing, "name": "m", "node": "n10", "value": 1.0},
    ]
    assert latest.latest_metrics(told.iloc[:0]) == [] == latest.latest_images(told.iloc[:0])


def test_latest_images():
    """The latest image of each source, name and node is listed."""
    sky = {"name": "sky", "unit": "image/png"}
    told = metrics(
        {**sky, "node": "n10", "text": "a"},
        {**sky, "node": "n2", "text": "b"},
        {**sky, "node": "n2", "text": "c", "sampled_at": NOW + HOUR},
        {**sky, "text": "lost"},
        {**sky, "text": None},
        {**sky, "name": "all", "node": None, "text": "d", "sampled_at": None},
        {**sky, "unit": "image/gif", "text": "e"},
        {**sky, "node": "n2", "text": "f", "source": "a"},
    )
    assert latest.latest_images(told) == [
        {"name": "all", "node": "", "sampled_at": None, "text": "d"},
        {"name": "sky", "node": "n2", "sampled_at": NOW + HOUR, "text": "c"},
        {"name": "sky", "node": "n2", "sampled_at": NOW, "text": "f"},
        {"name": "sky", "node": "n10", "sampled_at": NOW, "text": "a"},
    ]
