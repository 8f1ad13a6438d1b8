function main({ __ow_headers }) {
  const names = ["connection", "proxy-connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"];
  return { seen: names.filter((name) => name in __ow_headers) };
}
