function main({ __ow_headers }) { return { cookie: __ow_headers.cookie }; }
