import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** Answers with the request line and all headers as JSON, duplicates kept; /__count says how often it did. */
public final class Headers extends HttpServlet {
    private final AtomicInteger count = new AtomicInteger();

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        response.setContentType("application/json");
        response.setCharacterEncoding("UTF-8");
        if (request.getRequestURI().equals("/__count")) {
            response.getWriter().print(count.get());
            return;
        }
        count.incrementAndGet();
        String query = request.getQueryString() == null ? "" : "?" + request.getQueryString();
        String headers = Collections.list(request.getHeaderNames()).stream()
                .distinct()
                .flatMap(name -> Collections.list(request.getHeaders(name)).stream()
                        .map(value -> "[" + quoted(name) + ", " + quoted(value) + "]"))
                .collect(Collectors.joining(", "));
        response.getWriter().print("{\"method\": " + quoted(request.getMethod())
                + ", \"target\": " + quoted(request.getRequestURI() + query)
                + ", \"version\": " + quoted(request.getProtocol())
                + ", \"headers\": [" + headers + "]}");
    }

    private static String quoted(String text) {
        return text.chars()
                .mapToObj(c -> c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", c) : "" + (char) c)
                .collect(Collectors.joining("", "\"", "\""));
    }
}
