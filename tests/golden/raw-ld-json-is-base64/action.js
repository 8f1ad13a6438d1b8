function main({ __ow_body, __ow_isBase64Encoded }) { return { __ow_body, __ow_isBase64Encoded }; }
