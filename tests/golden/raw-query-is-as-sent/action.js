function main({ __ow_query }) { return { query: __ow_query }; }
