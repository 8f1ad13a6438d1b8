function main() { return {"body":"mail text","headers":{"content-type":"text/plain"},"id":7,"isBase64Encoded":true,"statusCode":99}; }
