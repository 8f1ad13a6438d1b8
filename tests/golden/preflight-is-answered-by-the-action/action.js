function main({ __ow_headers }) {
  const headers = {
    "access-control-allow-methods": __ow_headers["access-control-request-method"],
    "access-control-allow-origin": __ow_headers.origin,
  };
  return { headers, statusCode: 204 };
}
