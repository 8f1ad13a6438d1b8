function main({ id, __ow_path }) { return { id, path: __ow_path }; }
