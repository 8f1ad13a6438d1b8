function main({ __ow_headers, __ow_method, __ow_path, __ow_query, ...own }) { return own; }
