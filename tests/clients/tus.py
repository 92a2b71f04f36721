"""Uploads a file by tuspy and prints the upload's address: tus.py CASE ENDPOINT FILE NAME"""

import sys

from tusclient.client import TusClient

MIB = 1024 * 1024
kind, endpoint, path, name = sys.argv[1:]
client = TusClient(endpoint)

if kind == "checksum":
    uploader = client.uploader(
        path,
        chunk_size=5 * MIB,
        metadata={"filename": name, "filetype": "application/octet-stream"},
        upload_checksum=True,
    )
    uploader.upload()
elif kind == "bare":
    # Without metadata it sends an empty Upload-Metadata.
    uploader = client.uploader(path, chunk_size=5 * MIB)
    uploader.upload()
elif kind == "resumed":
    first = client.uploader(path, chunk_size=MIB, metadata={"filename": name})
    first.upload_chunk()
    first.upload_chunk()
    uploader = client.uploader(path, chunk_size=5 * MIB, url=first.url)
    assert uploader.offset == 2 * MIB, uploader.offset
    uploader.upload()
else:
    sys.exit(f"no case {kind}")
print(uploader.url)
