function main({ __ow_body, __ow_isBase64Encoded, __ow_query, a }) { return { a, __ow_body, __ow_isBase64Encoded, query: __ow_query }; }
