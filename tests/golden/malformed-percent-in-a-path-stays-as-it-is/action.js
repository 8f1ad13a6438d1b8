function main({ __ow_path }) { return { path: __ow_path }; }
