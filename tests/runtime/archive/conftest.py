from __future__ import annotations

import os
import uuid

import pytest


@pytest.fixture(scope="module")
def s3():
    """A boto3 client of an S3-compatible server of this process; s3:// leads to it, in child processes as well."""
    boto3 = pytest.importorskip("boto3")
    server_module = pytest.importorskip("moto.server")
    from s3fs import S3FileSystem

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        S3FileSystem.clear_instance_cache()
        yield boto3.client("s3")
        S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def bucket(s3):
    """The name of an empty bucket."""
    name = f"photos-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name
