// Requests with Node's https and a PKCS#12 keystore. What to do is read as JSON from stdin; for each request one
// line of JSON is printed: the answer, or {"error": ...}.
import { readFileSync } from "node:fs";
import https from "node:https";

const ask = JSON.parse(readFileSync(0));

const agent = new https.Agent({
  // A kept connection carries all requests; otherwise each has its own, and the session is resumed.
  keepAlive: ask.keep_alive,
  maxSockets: 1,
  ca: ask.ca && readFileSync(ask.ca),
  pfx: ask.identity && readFileSync(ask.identity),
  passphrase: ask.password,
  minVersion: ask.version,
  maxVersion: ask.version,
});

function get() {
  return new Promise((resolve, reject) => {
    const request = https.get(ask.url, { agent, timeout: 10_000 }, (response) => {
      const { socket } = response;
      const answer = {
        status: response.statusCode,
        protocol: `HTTP/${response.httpVersion}`,
        tls: socket.getProtocol(),
        headers: pairs(response.rawHeaders),
        resumed: socket.isSessionReused(),
        body: "",
      };
      response.setEncoding("utf8");
      response.on("data", (part) => (answer.body += part));
      response.on("end", () => resolve(answer));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("nothing came for 10 s")));
    request.on("error", reject);
  });
}

function pairs(flat) {
  return Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]);
}

for (let n = 0; n < ask.requests; n++) {
  const line = await get().catch((error) => ({ error: `${error.code ?? error.name}: ${error.message}` }));
  console.log(JSON.stringify(line));
}
agent.destroy();
