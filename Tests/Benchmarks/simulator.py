"""What the simulator's memory is while it sees an hour of payments at 80 a second, driven as fast as it answers.

Each payment is asked for, paid and called back. `GATEWAY_PROGRAM` says which build; `BENCH_PAYMENTS` how many.
"""

import asyncio
import base64
import datetime
import json
import os
import time

from measuring import rss_of

from harness import Simulator, http

PAYMENTS = int(os.environ.get("BENCH_PAYMENTS", str(80 * 3600)))
# So many ask at a time, and so many payments are between two looks at the memory.
CLIENTS, EVERY = 8, max(1, PAYMENTS // 12)
SHORT_CODE, PASSKEY = "174379", "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
CREDENTIAL = base64.b64encode(b"demo-consumer-key:demo-consumer-secret").decode()


class Callbacks(asyncio.Protocol):
    """Takes whatever is posted, over connections that stay open."""

    count = 0

    def connection_made(self, transport):
        self.transport, self.bytes = transport, b""

    def data_received(self, data):
        self.bytes += data
        while (end := self.bytes.find(b"\r\n\r\n")) >= 0:
            fields = self.bytes[:end].lower().split(b"\r\n")
            length = next(int(line.split(b":")[1]) for line in fields if line.startswith(b"content-length:"))
            if len(self.bytes) < end + 4 + length:
                return
            self.bytes = self.bytes[end + 4 + length :]
            Callbacks.count += 1
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def request(number, token, port):
    stamp = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=3)).strftime("%Y%m%d%H%M%S")
    phone = f"2547{10_000_000 + number:08}"
    body = json.dumps({
        "BusinessShortCode": SHORT_CODE, "Timestamp": stamp, "Amount": "100", "PartyA": phone, "PartyB": SHORT_CODE,
        "PhoneNumber": phone, "TransactionType": "CustomerPayBillOnline", "AccountReference": f"INV-{number}",
        "Password": base64.b64encode((SHORT_CODE + PASSKEY + stamp).encode()).decode(), "TransactionDesc": "An hour",
        "CallBackURL": f"http://127.0.0.1:{port}/cb/019ab3c4-0000-7000-8000-{number:012}/{'t' * 60}",
    })
    return (
        f"POST /mpesa/stkpush/v1/processrequest HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(head.split()[1])


async def client(simulator, token, port, numbers, paid):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(simulator.url.rsplit(":", 1)[1]))
    for number in numbers:
        # An hour's callbacks are not all under way at once: no more is asked for than is called back in time.
        while paid[0] - Callbacks.count > 2_000:
            await asyncio.sleep(0.01)
        writer.write(request(number, token, port))
        assert await answer(reader) == 200
        paid[0] += 1
    writer.close()


async def watch(simulator, paid, began):
    print(f"{'payments':>9} {'s':>6} {'MB':>7}")
    for mark in range(0, PAYMENTS + 1, EVERY):
        while Callbacks.count < mark:
            await asyncio.sleep(0.05)
        print(f"{mark:9} {time.monotonic() - began:6.0f} {rss_of(simulator.process.pid):7.1f}", flush=True)


async def main():
    server = await asyncio.get_running_loop().create_server(Callbacks, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more = ["--keep-connections"]
    simulator = await asyncio.to_thread(Simulator, 1, more)
    with simulator:
        url = simulator.url + "/oauth/v1/generate?grant_type=client_credentials"
        token = http("GET", url, headers={"Authorization": "Basic " + CREDENTIAL})[2]["access_token"]
        numbers, paid = iter(range(PAYMENTS)), [0]
        looks = asyncio.create_task(watch(simulator, paid, time.monotonic()))
        await asyncio.gather(*(client(simulator, token, port, numbers, paid) for _ in range(CLIENTS)))
        await looks
        ledger = http("GET", simulator.url + "/simulator/ledger")[2]
        assert ledger["count"] == PAYMENTS, ledger["count"]
        print(f"{ledger['count']} charged, {ledger.get('older', 0)} of them in the journal alone")


if __name__ == "__main__":
    asyncio.run(main())
