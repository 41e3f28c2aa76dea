// An API that requires a client certificate: node api.mjs KEY CERTIFICATES [CA of clients]
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const [key, cert, ca] = process.argv.slice(2).map((file) => readFileSync(file));
const asks = ca ? { ca, requestCert: true, rejectUnauthorized: true } : {};
const server = createServer({ key, cert, ...asks }, (request, response) => {
  response.end(`hello ${request.socket.getPeerCertificate().subject?.CN ?? "nobody"}`);
});
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
