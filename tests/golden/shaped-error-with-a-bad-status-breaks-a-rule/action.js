function main() { return {"error":{"statusCode":99}}; }
