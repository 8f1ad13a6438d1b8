function main({ __ow_headers, __ow_method, ...others }) { return others; }
