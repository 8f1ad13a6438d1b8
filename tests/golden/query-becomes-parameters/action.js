function main({ __ow_headers, ...others }) { return others; }
