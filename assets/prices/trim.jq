.[] | del(.description, .price_comments, .pricing_urls, .extractors)
| .models |= map(del(.description, .name, .price_comments))
| walk(if type == "object" and has("regex") then .regex |= gsub("\\\\d"; "[0-9]") else . end)
