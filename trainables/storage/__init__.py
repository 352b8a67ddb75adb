"""Where experiments live: a folder (local disk, NFS) or a prefix of an S3 bucket, used through the same few calls.

place       from the text of --storage to a folder or a prefix; typing errors refused
s3path      a key of a bucket with the part of `pathlib.Path` that an experiment needs, and conditional writes
s3client    the connection, and what went wrong in one sentence that holds no secret
kept        what can be had again, in the user's cache
whole       files that appear whole or not at all
patience    waiting for one that does not answer, and for how long before each further attempt
probe       can this process write there
"""

from trainables.storage.patience import patiently
from trainables.storage.place import Place, local_copy, place
from trainables.storage.probe import probe
from trainables.storage.s3path import S3Path, StorageError
from trainables.storage.whole import whole

__all__ = ["Place", "S3Path", "StorageError", "local_copy", "patiently", "place", "probe", "whole"]
