"""The event files, read back by TensorBoard's own reader and by the backend of its HParams page."""

import json
import math
import shutil
import subprocess
import sys

import pytest
from tensorboard import context
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

from tests.tuner.experiments import Experiment, around, finished
from tuner.tensorboard import writer as tensorboard
from tuner.tensorboard.writer import TensorBoardWriter

STATUSES = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING]


def fed(experiment):
    """Write the event files the way a driver does: each record when it happens, those of the launch before."""
    writer = TensorBoardWriter(experiment.paths, experiment.manifest)
    for record in experiment.records:
        writer.update(record)
    writer.close()


def scalars(experiment, trial):
    reader = EventAccumulator(str(experiment.paths.tensorboard / f"{trial:05d}"))
    reader.Reload()
    return {tag: [(point.step, point.value) for point in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


class HParams:
    """What the HParams page would show."""

    def __init__(self, experiment):
        runs = EventMultiplexer()
        runs.AddRunsFromDirectory(str(experiment.paths.tensorboard))
        runs.Reload()
        self._backend = backend_context.Context(TBContext(data_provider=MultiplexerDataProvider(runs, "runs")))
        self._request = context.RequestContext()

    def experiment(self):
        tags = self._backend.hparams_metadata(self._request, "")
        return self._backend.experiment_from_metadata(self._request, "", True, tags, None)

    def rows(self, order=api_pb2.ORDER_DESC):
        by_median = api_pb2.ColParams(metric=api_pb2.MetricName(tag="median/val_accuracy"), order=order)
        asked = api_pb2.ListSessionGroupsRequest(
            start_index=0, slice_size=100, allowed_statuses=STATUSES, col_params=[by_median]
        )
        return list(list_session_groups.Handler(self._request, self._backend, "", asked).run().session_groups)


def knobs(row):
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in row.hparams.items()}


def medians(row):
    return {value.name.tag: round(value.value, 6) for value in row.metric_values}


@pytest.mark.parametrize("write", [fed, lambda experiment: tensorboard.rebuild(experiment.paths)])
def test_medians_replicates_and_spread_are_scalars_at_each_epoch(tmp_path, write):
    experiment = finished(tmp_path)
    write(experiment)
    read = scalars(experiment, 1)
    assert [step for step, _ in read["median/val_accuracy"]] == list(range(1, 10))
    assert read["median/val_accuracy"][0][1] == pytest.approx(0.90)
    for replicate, value in enumerate(around(0.90)):
        assert read[f"replicates/val_accuracy/{replicate}"][-1] == (9, pytest.approx(value))
    assert read["spread/val_accuracy_min"][-1][1] == pytest.approx(0.88)
    assert read["spread/val_accuracy_max"][-1][1] == pytest.approx(0.92)
    assert read["learning_rate"][-1] == (9, pytest.approx(0.01))
    assert read["replicates_ok"][-1] == (9, 5)
    assert read["median/test_accuracy"] == [(9, pytest.approx(0.88))]


def test_a_failed_replicate_and_a_lost_median_are_nan_not_the_last_good_value(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.train(0, around(0.9), to=1)
    experiment.epoch(0, 2, [0.99, None, None, None, None])
    tensorboard.rebuild(experiment.paths)
    read = scalars(experiment, 0)
    assert math.isnan(read["median/val_accuracy"][-1][1])
    assert math.isnan(read["replicates/val_accuracy/1"][-1][1])
    assert read["spread/val_accuracy_min"][-1][1] == pytest.approx(0.99)
    assert math.isnan(medians(HParams(experiment).rows()[0])["median/val_accuracy"])


@pytest.mark.parametrize("write", [fed, lambda experiment: tensorboard.rebuild(experiment.paths)])
def test_hparams_has_one_row_a_trial_with_every_knob_the_median_and_the_status(tmp_path, write):
    baseline = {"lr": 0.01, "image_size": None, "sigmas": [0, 1.5], "flip": True, "epochs": 9}
    experiment = finished(tmp_path, baseline=baseline)
    write(experiment)
    rows = {row.name: row for row in HParams(experiment).rows()}
    assert sorted(rows) == ["00000", "00001", "00002", "00003"]
    assert knobs(rows["00001"]) == {"lr": 0.05, "image_size": "none", "sigmas": "0, 1.5", "flip": True, "epochs": 9.0}
    assert medians(rows["00001"]) == {"median/val_accuracy": 0.9}
    statuses = {name: row.sessions[0].status for name, row in rows.items()}
    success, failure = api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE
    assert statuses == {"00000": success, "00001": success, "00002": success, "00003": failure}
    assert all(row.sessions[0].end_time_secs > row.sessions[0].start_time_secs for row in rows.values())


def test_hparams_columns_are_the_knobs_and_the_medians_that_every_trial_has(tmp_path):
    experiment = finished(tmp_path)
    tensorboard.rebuild(experiment.paths)
    described = HParams(experiment).experiment()
    assert [metric.name.tag for metric in described.metric_infos] == ["median/val_accuracy"]
    assert {info.name: info.differs for info in described.hparam_infos} == {"lr": True, "mode": False, "epochs": False}


def test_a_knob_that_is_a_number_in_one_trial_and_none_in_another_is_text_in_all(tmp_path):
    experiment = Experiment(tmp_path, baseline={"image_size": 16})
    experiment.trial(0)
    experiment.trial(1, image_size=None)
    for index in (0, 1):
        experiment.complete(index, around(0.5))
    fed(experiment)
    hparams = HParams(experiment)
    assert [info.type for info in hparams.experiment().hparam_infos] == [api_pb2.DATA_TYPE_STRING]
    assert sorted(knobs(row)["image_size"] for row in hparams.rows()) == ["16", "none"]


def test_a_knob_that_a_trial_does_not_have_is_a_value_of_its_own_so_that_parallel_coordinates_keep_the_trial(tmp_path):
    experiment = Experiment(tmp_path, baseline={"mode": "normal"})
    experiment.trial(0)
    experiment.trial(1, mode="mix", sigma=2.0)
    for index in (0, 1):
        experiment.complete(index, around(0.5))
    fed(experiment)
    found = {row.name: knobs(row) for row in HParams(experiment).rows()}
    assert found == {"00000": {"mode": "normal", "sigma": "-"}, "00001": {"mode": "mix", "sigma": "2.0"}}


def test_the_custom_scalars_page_has_a_margin_chart_whose_lines_and_bands_are_there(tmp_path):
    experiment = finished(tmp_path)
    fed(experiment)
    runs = EventMultiplexer()
    runs.AddRunsFromDirectory(str(experiment.paths.tensorboard))
    runs.Reload()
    page = CustomScalarsPlugin(TBContext(data_provider=MultiplexerDataProvider(runs, "runs"), multiplexer=runs))
    shown = json.loads(page.layout_impl(context.RequestContext(), ""))
    charts = [
        (chart["title"], chart["margin"]["series"]) for category in shown["category"] for chart in category["chart"]
    ]
    series = {
        "value": "median/val_accuracy",
        "lower": "spread/val_accuracy_min",
        "upper": "spread/val_accuracy_max",
    }
    assert charts == [("val_accuracy", [series])]  # test_accuracy is reported at the end alone
    drawn = scalars(experiment, 1)
    assert [len(drawn[series[part]]) for part in ("value", "lower", "upper")] == [9, 9, 9]


def test_a_trial_that_has_not_begun_has_no_row(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.trial(1)
    experiment.write("start", trial=0, epoch=0)
    fed(experiment)
    assert [path.name for path in experiment.paths.tensorboard.glob("0*")] == ["00000"]


def test_a_resumed_search_goes_on_where_the_rebuilt_files_end(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.session()
    experiment.trial(0)
    experiment.trial(1, lr=0.5)
    experiment.train(0, around(0.5), to=4)
    tensorboard.rebuild(experiment.paths)
    writer = TensorBoardWriter(experiment.paths, experiment.manifest)
    past = len(experiment.records)
    experiment.session()
    experiment.write("start", trial=0, epoch=4)
    for epoch in range(5, 10):
        experiment.epoch(0, epoch, around(0.6), **({"test_accuracy": 0.55} if epoch == 9 else {}))
    experiment.end(0, "completed", 9)
    experiment.write("start", trial=1, epoch=0)
    for record in experiment.records[past:]:
        writer.update(record)
    writer.close()
    assert [step for step, _ in scalars(experiment, 0)["median/val_accuracy"]] == list(range(1, 10))
    rows = {row.name: row for row in HParams(experiment).rows()}
    assert {name: knobs(row)["lr"] for name, row in rows.items()} == {"00000": 0.01, "00001": 0.5}
    assert rows["00000"].sessions[0].status == api_pb2.STATUS_SUCCESS
    assert medians(rows["00000"]) == {"median/val_accuracy": 0.6}
    reader = EventAccumulator(str(experiment.paths.tensorboard / "00000"))
    reader.Reload()
    assert len(reader.Tensors("_hparams_/session_start_info")) == 1


def test_what_is_written_can_be_read_before_the_writer_is_closed(tmp_path):
    experiment = Experiment(tmp_path)
    experiment.trial(0)
    experiment.train(0, around(0.5), to=2)
    writer = TensorBoardWriter(experiment.paths, experiment.manifest)
    for record in experiment.records:
        writer.update(record)
    assert len(scalars(experiment, 0)["median/val_accuracy"]) == 2
    writer.close()


def test_rebuilding_twice_gives_the_same_scalars_and_no_leftovers(tmp_path):
    experiment = finished(tmp_path)
    tensorboard.rebuild(experiment.paths)
    first = scalars(experiment, 2)
    (experiment.paths.tensorboard / "00099").mkdir()
    shutil.rmtree(experiment.paths.tensorboard / "00001")
    tensorboard.rebuild(experiment.paths)
    assert scalars(experiment, 2) == first
    assert sorted(path.name for path in experiment.paths.tensorboard.iterdir() if path.is_dir()) == [
        "00000",
        "00001",
        "00002",
        "00003",
    ]


def test_writing_event_files_imports_neither_torch_nor_tensorflow(tmp_path):
    experiment = finished(tmp_path)
    program = (
        "import pathlib, sys\n"
        "from tuner.tensorboard import writer as tensorboard\n"
        "from tuner.records.paths import ExperimentPaths\n"
        f"tensorboard.rebuild(ExperimentPaths(pathlib.Path({str(experiment.paths.root)!r})))\n"
        "heavy = {'torch', 'tensorflow', 'ray', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
