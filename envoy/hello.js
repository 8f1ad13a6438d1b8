// The demo action: says that it is ready, and hello if it is told a name.
function main(params) {
  const reply = { ready: true };
  if (params.name) {
    reply.hello = params.name;
  }
  return reply;
}
