// A service like many: it reads its settings once, when it starts.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const directory = process.env.CONFIG_DIR ?? '/etc/greeter';
const greeting = readFileSync(`${directory}/greeting`, 'utf8').trim();

const server = createServer((_request, response) => response.end(`${greeting}\n`));
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`greeter ${process.pid} says "${greeting}" on port ${server.address().port}`);
});

process.on('SIGTERM', () => {
  console.log(`greeter ${process.pid} finishes what it has begun`);
  server.close(() => process.exit(0));
});
