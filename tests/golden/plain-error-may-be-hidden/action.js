function main() { return {"error":{"body":"x","statusCode":404}}; }
