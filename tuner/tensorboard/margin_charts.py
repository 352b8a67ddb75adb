"""TensorBoard's custom scalars: for each metric a chart of the medians with the band of the seeds around them."""

from __future__ import annotations

from collections.abc import Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2, metadata


def layout(metrics: Sequence[str]) -> Summary.Value:
    """The layout of the custom-scalars page as one value to write: a margin chart a metric, in this order.

    A chart draws `median/METRIC` with the margin from `spread/METRIC_min` to `spread/METRIC_max`, a line a trial.
    """
    charts = [
        layout_pb2.Chart(
            title=metric,
            margin=layout_pb2.MarginChartContent(
                series=[
                    layout_pb2.MarginChartContent.Series(
                        value=f"median/{metric}", lower=f"spread/{metric}_min", upper=f"spread/{metric}_max"
                    )
                ]
            ),
        )
        for metric in metrics
    ]
    page = layout_pb2.Layout(category=[layout_pb2.Category(title="median and spread over the seeds", chart=charts)])
    content = TensorProto(dtype=DT_STRING, string_val=[page.SerializeToString()])
    return Summary.Value(tag=metadata.CONFIG_SUMMARY_TAG, metadata=metadata.create_summary_metadata(), tensor=content)
