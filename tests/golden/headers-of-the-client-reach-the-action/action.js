function main({ __ow_headers }) {
  const { accept, host, "user-agent": agent, "x-custom": custom, "x-request-id": id } = __ow_headers;
  return { accept, agent, custom, host, id };
}
