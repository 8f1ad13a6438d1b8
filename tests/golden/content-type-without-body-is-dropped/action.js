function main() { return {"body":"","headers":{"content-type":"text/plain"},"statusCode":200}; }
