"""Datasets without torch: as NumPy arrays or, where they are too large for that, as a list of files.

dataset     what a dataset is by its name, which each kind extends; the kinds are in trainables.config.dataset_kinds
arrays      what a loaded dataset is, what a check reports, the error
catalog     the datasets by name: load, check, fetch
digits      scikit-learn's handwritten digits, always there
cifar       CIFAR-10 and CIFAR-100 in torchvision's layout on disk
mnist       MNIST's IDX files in a folder
folder      a folder of images, one folder a class
imagenet    a folder too large for memory, listed; also grouped into 16 classes
decode      one image file to 8-bit RGB of one size
shared      named datasets put once for all machines, in a folder or on S3, and fetched by each node
copies      the files of one there, and their sums
cache       decoded images on disk, made once and shared by every process of a node
holdout     which training images are used, and which of those are held out
"""

from trainables.datasets.arrays import Arrays, DatasetError, Info
from trainables.datasets.catalog import (
    available,
    canonical,
    check,
    class_names,
    fetch,
    load,
    normalisation,
    opened,
    put,
)
from trainables.datasets.holdout import holdout_split, subset
from trainables.datasets.shared import data_root

__all__ = [
    "Arrays",
    "DatasetError",
    "Info",
    "available",
    "canonical",
    "check",
    "class_names",
    "data_root",
    "fetch",
    "holdout_split",
    "load",
    "normalisation",
    "opened",
    "put",
    "subset",
]
