function main({ __ow_headers }) {
  const names = ["authorization", "proxy-authorization", "cookie"];
  return { seen: names.filter((name) => name in __ow_headers) };
}
