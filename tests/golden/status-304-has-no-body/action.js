function main() { return {"body":"x","headers":{"x-a":"b"},"statusCode":304}; }
