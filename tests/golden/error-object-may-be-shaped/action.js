function main() { return {"error":{"body":{"reason":"gone"},"headers":{"x-a":"b"},"statusCode":410}}; }
