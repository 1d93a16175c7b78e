# SPDX-License-Identifier: Apache-2.0
"""A Starlette application for uvicorn: plain and streamed answers, threads, files."""

import asyncio
import os
import socket

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


app = Starlette(routes=[
    Route("/", index), Route("/upload", upload, methods=["POST"]), Route("/download", download), Route("/stream", stream),
    Route("/rearrange", rearrange, methods=["POST"]), Route("/resolve", resolve), Route("/tell", tell),
])
