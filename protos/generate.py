"""Generate Python from the contract into protos/gen, and the image, for buf and for other languages.

Third-party protos are never committed: google's come as files with the installed
googleapis-common-protos, buf/validate as the descriptor inside the installed protovalidate.
Writes only when the contract or this file changed, so it may be called on every `make`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
import tempfile
from importlib.metadata import version
from pathlib import Path

import google.api.annotations_pb2
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb  # the only place that ships it

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "gen"
STAMP = GENERATED / ".stamp"
#: Where protoc finds its own google/protobuf/*.proto.
PROTOC_INCLUDE = Path(protoc.__file__).parent / "_proto"
#: Where googleapis-common-protos installed google/api and google/rpc.
GOOGLEAPIS_INCLUDE = Path(google.api.annotations_pb2.__file__).parents[2]
#: What errors carry. No message of the contract names it, but whoever reads the image needs it.
ERROR_DETAILS = ("google/rpc/error_details.proto",)


def contract_files() -> list[Path]:
    """Return the protos of the contract, in a fixed order."""
    return sorted((HERE / "bothsides").rglob("*.proto"))


def fingerprint() -> str:
    """Return a digest of everything the generated code depends on."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in ("grpcio-tools", "mypy-protobuf", "protovalidate", "googleapis-common-protos"):
        digest.update(f"{name}=={version(name)}".encode())
    for path in contract_files():
        digest.update(path.relative_to(HERE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def run_protoc(*arguments: str) -> None:
    if protoc.main(["protoc", *arguments]) != 0:
        sys.exit("protoc failed; the messages above name the file and line")


def generate(target: Path) -> None:
    """Fill `target` with modules, stubs and image.binpb (all files, with their comments)."""
    os.environ["PATH"] = sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")
    with tempfile.TemporaryDirectory() as scratch:
        validate_set = Path(scratch) / "validate.binpb"
        descriptor = descriptor_pb2.FileDescriptorProto.FromString(validate_pb.desc().proto.to_binary())
        validate_set.write_bytes(descriptor_pb2.FileDescriptorSet(file=[descriptor]).SerializeToString())
        includes = [f"-I{HERE}", f"-I{GOOGLEAPIS_INCLUDE}", f"-I{PROTOC_INCLUDE}"]
        contract = [path.relative_to(HERE).as_posix() for path in contract_files()]
        run_protoc(
            f"--descriptor_set_in={validate_set}",
            *includes,
            f"--python_out={target}",
            f"--mypy_out=quiet:{target}",
            f"--grpc_python_out={target}",
            f"--mypy_grpc_out=quiet:{target}",
            *contract,
        )
        run_protoc(
            f"--descriptor_set_in={validate_set}",
            f"-I{PROTOC_INCLUDE}",
            f"--python_out={target}",
            f"--mypy_out=quiet:{target}",
            "buf/validate/validate.proto",
        )
        run_protoc(
            f"--descriptor_set_in={validate_set}",
            *includes,
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={target / 'image.binpb'}",
            *contract,
            *ERROR_DETAILS,
        )
    for package in ("bothsides/jobs/v1", "buf/validate"):
        for folder in (Path(package), *Path(package).parents[:-1]):
            (target / folder / "__init__.py").touch()
        (target / Path(package).parts[0] / "py.typed").touch()
    modules = sorted(path.stem for path in (target / "bothsides/jobs/v1").glob("*_pb2*.py"))
    (target / "bothsides/jobs/v1/__init__.py").write_text(
        '"""The contract, in one namespace: `from bothsides.jobs import v1 as pb`."""\n\n'
        + "".join(f"from bothsides.jobs.v1.{module} import *\n" for module in modules)
    )


def main() -> None:
    current = fingerprint()
    if STAMP.exists() and STAMP.read_text() == current:
        return
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    generate(GENERATED)
    STAMP.write_text(current)


if __name__ == "__main__":
    main()
