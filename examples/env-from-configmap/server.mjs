// A service like many: its settings are environment variables, which no process sees change.
import { createServer } from 'node:http';

const { GREETING = 'hi', LOG_REQUESTS = 'no', PORT = '8080' } = process.env;

const server = createServer((request, response) => {
  if (LOG_REQUESTS === 'yes') console.log(`greeter ${process.pid} is asked for ${request.url}`);
  response.end(`${GREETING}\n`);
});
server.listen(Number(PORT), () => {
  console.log(`greeter ${process.pid} says "${GREETING}" on port ${server.address().port}`);
});

process.on('SIGTERM', () => {
  console.log(`greeter ${process.pid} finishes what it has begun`);
  server.close(() => process.exit(0));
});
