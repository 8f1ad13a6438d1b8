function main({ __ow_headers }) { return { a: __ow_headers["x-a"] }; }
