# SPDX-License-Identifier: Apache-2.0
"""A Starlette application for uvicorn: plain and streamed answers, threads, files."""

import asyncio
import contextlib
import os
import socket

import anyio
import libguard
from shelf import Shelf
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

DATA = os.environ["WORKLOAD_DATA"]


async def index(request):
    return PlainTextResponse("hello " + request.query_params.get("name", "world"))


def write(path, data):
    with open(path, "ab") as file:
        file.write(data)
    return os.path.getsize(path)


async def upload(request):
    size = await run_in_threadpool(write, os.path.join(DATA, "upload"), await request.body())
    return JSONResponse({"size": size})


async def download(request):
    return FileResponse(os.path.join(DATA, "upload"))


async def stream(request):
    async def parts():
        for number in range(5):
            await asyncio.sleep(0.01)
            yield f"part {number}\n"

    return StreamingResponse(parts())


def shuffle(folder):
    os.mkdir(folder)
    write(os.path.join(folder, "first"), b"x" * 100)
    os.truncate(os.path.join(folder, "first"), 10)
    os.rename(os.path.join(folder, "first"), os.path.join(folder, "second"))
    os.unlink(os.path.join(folder, "second"))
    os.rmdir(folder)


async def rearrange(request):
    await run_in_threadpool(shuffle, os.path.join(DATA, "folder"))
    return PlainTextResponse("rearranged")


async def resolve(request):
    found = await asyncio.get_running_loop().getaddrinfo("localhost", int(request.query_params["port"]), type=socket.SOCK_STREAM)
    return JSONResponse({"count": len(found)})


async def tell(request):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(request.query_params["port"]))
    writer.write(b"told\n")
    await writer.drain()
    writer.close()
    return PlainTextResponse("told")


async def put(request):
    return PlainTextResponse(str(await run_in_threadpool(Shelf(DATA).put, request.path_params["name"], await request.body())))


async def turn_over(request):
    name = request.path_params["name"]
    folder = anyio.Path(DATA, "turned-" + name)
    await folder.mkdir()
    size = await run_in_threadpool(Shelf(str(folder)).turn_over, name, await request.body())
    await folder.rmdir()
    return PlainTextResponse(str(size))


async def stream_in(request):
    """Writes an upload as it comes, part by part, and publishes it when it is whole."""
    draft = anyio.Path(DATA, "stream.draft")
    async with await anyio.open_file(draft, "wb") as file:
        async for part in request.stream():
            await file.write(part)
    await draft.chmod(0o600)
    await draft.rename(os.path.join(DATA, "streamed"))
    found = [path.name async for path in anyio.Path(DATA).glob("stream*")]
    await anyio.Path(DATA, "streamed").unlink()
    return PlainTextResponse(" ".join(found))


async def convert(request):
    """Has a program convert an upload."""
    try:
        done = await anyio.run_process(["/usr/bin/tr", "a-z", "A-Z"], input=await request.body())
    except PermissionError as error:
        return PlainTextResponse(f"refused: {error}")
    return PlainTextResponse(done.stdout)


@contextlib.asynccontextmanager
async def lifespan(application):
    libguard.serving()
    yield


app = Starlette(lifespan=lifespan, routes=[
    Route("/", index), Route("/upload", upload, methods=["POST"]), Route("/download", download), Route("/stream", stream),
    Route("/rearrange", rearrange, methods=["POST"]), Route("/resolve", resolve), Route("/tell", tell),
    Route("/shelf/{name}", put, methods=["PUT"]), Route("/shelf/{name}", turn_over, methods=["POST"]),
    Route("/stream", stream_in, methods=["POST"]), Route("/convert", convert, methods=["POST"]),
])
