// A client of grpc-js that finds its servers by xDS.
//
// Its argument is the target. For each line of its standard input, a number of calls, it says on its standard output how
// often which server answered, as a JSON object.
'use strict';

const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
require('@grpc/grpc-js-xds').register();

// Messages are bytes: no code has to be generated.
const same = (bytes) => bytes;

const channel = new grpc.Client(process.argv[2], grpc.credentials.createInsecure());

/** Who answered, or the error. */
function call() {
  const deadline = Date.now() + 5000;
  return new Promise((resolve) => {
    channel.makeUnaryRequest('/echo.Echo/Name', same, same, Buffer.alloc(0), { deadline }, (error, reply) => {
      resolve(error ? `error: ${grpc.status[error.code]}: ${error.details}` : reply.toString());
    });
  });
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const seen = {};
    for (let left = Number(line); left > 0; left--) {
      const name = await call();
      seen[name] = (seen[name] ?? 0) + 1;
    }
    console.log(JSON.stringify(seen));
  }
  channel.close();
}

main();
