import java.io.IOException;
import java.util.Collections;
import java.util.stream.Collectors;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.AbstractHandler;

/** Debian's Jetty, embedded: answers with the request line and all headers as JSON, and prints its port. */
public final class JettyEcho extends AbstractHandler {
    public static void main(String[] arguments) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        server.addConnector(connector);
        server.setHandler(new JettyEcho());
        server.start();
        System.out.println("listening on " + connector.getLocalPort());
        server.join();
    }

    @Override
    public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        base.setHandled(true);
        response.setContentType("application/json");
        String headers = Collections.list(request.getHeaderNames()).stream()
                .distinct()
                .flatMap(name -> Collections.list(request.getHeaders(name)).stream()
                        .map(value -> "[" + quoted(name) + ", " + quoted(value) + "]"))
                .collect(Collectors.joining(", "));
        response.getWriter().print("{\"method\": " + quoted(request.getMethod())
                + ", \"target\": " + quoted(target)
                + ", \"version\": " + quoted(request.getProtocol())
                + ", \"headers\": [" + headers + "]}");
    }

    private static String quoted(String text) {
        return text.chars()
                .mapToObj(c -> c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", c) : "" + (char) c)
                .collect(Collectors.joining("", "\"", "\""));
    }
}
