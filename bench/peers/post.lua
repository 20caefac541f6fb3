-- For wrk: posts one photo again and again, and prints what was found as a
-- line of JSON. Arguments after "--": the photo's file, its media type.
function init(args)
    local photo = assert(io.open(args[1], "rb"))
    wrk.method = "POST"
    wrk.body = photo:read("*a")
    wrk.headers["Content-Type"] = args[2]
    photo:close()
end

function done(summary, latency)
    local errors = summary.errors
    local at = {}
    for _, share in ipairs({ 50, 90, 99 }) do
        at[#at + 1] = string.format('"p%d_ms":%.4f', share,
            latency:percentile(share) / 1e3)
    end
    io.write(string.format(
        '\n{"requests":%d,"seconds":%.6f,"failed":%d,"bytes":%d,%s}\n',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status
            + errors.timeout,
        summary.bytes, table.concat(at, ",")))
end
