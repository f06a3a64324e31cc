import json


def lambda_handler(event, context):
    name = event.get("name", "World")
    print(f"greeting {name}, {context.get_remaining_time_in_millis()} ms left")
    return {"statusCode": 200, "body": json.dumps({"message": f"Hello, {name}!"})}
