import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.AbstractHandler;
import org.eclipse.jetty.util.resource.Resource;
import org.eclipse.jetty.xml.XmlConfiguration;

/** An embedded Jetty that has its connector of the kit's file alone: java MutualJetty mutual-tls.xml */
public final class MutualJetty {
    public static void main(String[] arguments) throws Exception {
        Server server = new Server();
        new XmlConfiguration(Resource.newResource(Path.of(arguments[0]))).configure(server);
        ServerConnector connector = (ServerConnector) server.getConnectors()[0];
        server.setHandler(new AbstractHandler() {
            @Override
            public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
                    throws IOException {
                Object[] chain = (Object[]) request.getAttribute("javax.servlet.request.X509Certificate");
                String client = chain == null ? "nobody" : ((X509Certificate) chain[0]).getSubjectX500Principal().getName();
                response.getWriter().print("{\"hello\": \"" + client + "\"}");
                base.setHandled(true);
            }
        });
        server.start();
        System.out.println("listening on " + connector.getLocalPort());
        server.join();
    }
}
