function main({ __ow_body }) { return { type: typeof __ow_body }; }
