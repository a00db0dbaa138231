"""What a sandbox may or may not reach in these tests: a name server and a web server outside of everything.

They run in one container on the host's network, on an address that the host has in a network of this run.
No policy lets a sandbox reach an address of the host, so tests list it by address.
"""

from __future__ import annotations

WEB_PORT = 18080
SLOW_BYTES = 64 << 20

#: Run by `python3 -c` as `WORLD ADDRESS HOST_ADDRESS`.
WORLD = (
    f"""
WEB_PORT, SLOW_BYTES = {WEB_PORT}, {SLOW_BYTES}
"""
    + """
import http.server, socket, socketserver, struct, sys, threading, time

address, host_address = sys.argv[1:]
names = {
    "good.test": [address], "other.test": [address], "inside.test": ["127.0.0.1"],
    "meta.test": ["169.254.169.254"], "host.test": [host_address], "flip.test": [address, "127.0.0.1"],
}

class Names(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1").lower())
            at += data[at] + 1
        question, kind = data[12 : at + 5], data[at + 2]
        answers = names.get(".".join(labels))
        found = b""
        if answers and kind == 1:
            packed = socket.inet_aton(answers[0])
            if len(answers) > 1:
                answers.append(answers.pop(0))
            found = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\0\\0\\4" + packed
        head = data[:2] + (b"\\x81\\x80" if answers else b"\\x81\\x83") + b"\\0\\1"
        sock.sendto(head + struct.pack(">HHH", bool(found), 0, 0) + question + found, self.client_address)

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        big = self.path.startswith("/slow")
        body = b"world " + self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(SLOW_BYTES if big else len(body)))
        self.end_headers()
        if not big:
            self.wfile.write(body)
            return
        for _ in range(SLOW_BYTES >> 16):
            self.wfile.write(bytes(1 << 16))
            time.sleep(0.005)
    def log_message(self, *_):
        pass

names_server = socketserver.ThreadingUDPServer((address, 53), Names)
threading.Thread(target=names_server.serve_forever, daemon=True).start()
web = http.server.ThreadingHTTPServer((address, WEB_PORT), Web)
print("ready", flush=True)
web.serve_forever()
"""
)

#: Run by `python3 -` inside the sandbox, which has no network: tries every way out without the proxy, and
#: prints what came of it as JSON: an error's name, or "OPEN".
WAYS_OUT = """
import json, os, socket, sys, time

def tcp(host, port):
    socket.create_connection((host, port), 3).close()

def udp(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.connect((host, port))
        sock.send(b"\\0\\0\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\1a\\0\\0\\1\\0\\1")
        sock.recv(100)

def raw(host, port):
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).sendto(b"x", (host, port))

def name(host, port):
    socket.getaddrinfo(host, port)

found = {}
for way, host, port in json.loads(sys.argv[1]):
    started = time.monotonic()
    try:
        globals()[way](host, port)
        found[f"{way} {host} {port}"] = "OPEN"
    except OSError as error:
        took = time.monotonic() - started
        found[f"{way} {host} {port}"] = type(error).__name__ if took < 2.5 else f"slow: {took:.1f} s"
print(json.dumps({"ways": found, "links": sorted(os.listdir("/sys/class/net"))}))
"""
